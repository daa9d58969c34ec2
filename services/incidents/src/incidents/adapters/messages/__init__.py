"""The texts of messages, as Jinja2 templates: the first line is the subject, the rest after a blank line the body."""
