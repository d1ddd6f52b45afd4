"""The librarian: takes jobs in, checked against the chain, and shows jobs, tasks, users and keepers over HTTP."""
