"""Development chain of a pip install: py-evm behind a small JSON-RPC server in a process of its own.

It is started as ``python -m triggerx.chains.embedded`` (usually by `triggerx.chains.development`), so that the
importer of this package pays nothing for py-evm: nothing is imported here.
"""
