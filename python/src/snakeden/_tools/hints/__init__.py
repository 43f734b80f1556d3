"""Type hints: their meaning, and the form in which msgspec can check them.

signature.py reads the parameters of a tool, declarations.py reads constraints and defaults of other
libraries, and class_fields.py reads the fields of classes. forms.py rewrites a hint for msgspec,
with one of our own parts (parts.py) wherever msgspec cannot check a value.
"""
