"""The command line: parses what is asked for and hands it to `triggerx.node`; decides nothing itself."""
