"""How each kind of check is executed."""
