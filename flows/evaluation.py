"""Draft."""

from prefect import flow


@flow(name="evaluation")
def evaluation(category: str = "cow", scale: str = "laptop") -> str:
    """Draft."""
    return category
