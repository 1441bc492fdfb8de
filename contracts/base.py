"""What every contract type shares."""

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """Closed and frozen: an unknown field is an error, not a surprise for the other side."""

    model_config = ConfigDict(extra="forbid", frozen=True)
