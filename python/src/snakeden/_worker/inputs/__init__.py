"""Input streams: arguments whose items a tool pulls from the caller one after another while it
runs. The twin of src/pool/calls/inputs.
"""
