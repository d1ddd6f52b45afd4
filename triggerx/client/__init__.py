"""What an owner of jobs uses from outside: the HTTP API, job files, the registry's transactions, and signatures.

It sees of a network what any user sees: answers of the API, and the chain.
"""
