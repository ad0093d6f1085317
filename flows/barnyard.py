"""Draft."""

from prefect import flow


@flow(name="barnyard")
def barnyard(category: str = "cow", scale: str = "laptop") -> str:
    """Draft."""
    return category
