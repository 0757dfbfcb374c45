"""What the package promises, on a real broker. A package, so that its helpers can be imported and
its files may be called like others elsewhere.
"""
