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
            self.steps and f"{self.steps} steps",
            self.guidance and f"guidance {self.guidance}",
            self.negative_prompt and f"away from {self.negative_prompt!r}",
        )
        return ", ".join(each for each in said if each)
