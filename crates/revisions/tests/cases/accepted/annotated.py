from typing import Sequence, Union

revision: str = "a1"
down_revision: Union[str, Sequence[str], None] = ("b1", "c1")
branch_labels: str | Sequence[str] | None = ["left"]
depends_on: "Union[str, None]" = "d1"
