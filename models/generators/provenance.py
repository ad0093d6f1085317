"""What is written down of every picture and its card: which model drew it, and how it was sampled."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sampling:
    """Settings of a text-to-image model; those that a generator does not have stay as they are here."""

    model: str
    """Id of its weights, or what else a person would look for."""
    steps: int = 0
    """Denoising steps per picture."""
    guidance: float = 0.0
    negative_prompt: str = ""

    @property
    def settings(self) -> str:
        """All but the model in words, as "25 steps, guidance 2.5"; empty where there are none."""
        said = (
            f"{self.steps} steps" if self.steps else "",
            f"guidance {self.guidance}" if self.guidance else "",
            f"away from {self.negative_prompt!r}" if self.negative_prompt else "",
        )
        return ", ".join(filter(None, said))
