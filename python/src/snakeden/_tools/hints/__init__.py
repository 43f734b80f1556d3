"""Type hints: what they say, and the form in which msgspec can check them.

signature.py reads the parameters of a tool, declarations.py the constraints and defaults of other
libraries, class_fields.py the fields of classes. forms.py rewrites a hint for msgspec, with a part
of our own (parts.py) in each place that msgspec cannot check.
"""
