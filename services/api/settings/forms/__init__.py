"""The settings as forms: which tabs there are, how a document becomes fields and a form a document again. Pure."""
