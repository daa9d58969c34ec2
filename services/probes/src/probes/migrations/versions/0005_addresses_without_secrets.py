"""The address of a monitor that somebody added, as it is shown and told, holds no password and no key.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"

# What a check asks for is in its configuration; `url` is for people. A name without a password may be a key.
ADDRESSES = r"""
UPDATE probes.TABLE SET url =
    regexp_replace(
        regexp_replace(
            regexp_replace(url, '^([^:/?#]+://)([^/?#@:]*:?)@', '\1••••••••@'),
            '^([^:/?#]+://[^/?#@:]*):[^/?#]+@', '\1:••••••••@'
        ),
        '([?&][^=&#]*(auth|token|secret|key|password|session|signature|credential|cookie)[^=&#]*=)[^&#]+',
        '\1••••••••', 'gi'
    )
WHERE monitor_id IN (SELECT monitor_id FROM probes.monitor WHERE source = 'added') AND url ~ '[@?]'
"""


def upgrade() -> None:
    """What was shown until now is hidden; what was told of it cannot be taken back."""
    op.execute(ADDRESSES.replace("TABLE", "outage"))
    op.execute(ADDRESSES.replace("TABLE", "monitor"))


def downgrade() -> None:
    """Nothing to bring back: the configuration has it all."""
