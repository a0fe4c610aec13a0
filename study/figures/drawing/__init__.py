"""How each kind of plot is drawn; these modules import matplotlib, those of ``kinds`` do not."""

from dataclasses import dataclass, field

from matplotlib.artist import Artist


@dataclass
class Drawn:
    """What a plot leaves to the figure, which has one legend and one line of notes.

    Attributes:
        legend: handles by label.
        title: of the legend.
        notes: lines below everything.
    """

    legend: dict[str, Artist] = field(default_factory=dict)
    title: str = ""
    notes: list[str] = field(default_factory=list)
