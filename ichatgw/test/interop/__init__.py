"""
The matrix of what works with whom: real phones, proxies and clients call through the gateway and are called.

C{python -m ichatgw.test.interop} runs it.  Each module with cells gives a L{ichatgw.test.interop.cell.Matrix}; it is
added to C{MATRICES} in L{ichatgw.test.interop.__main__}.
"""
