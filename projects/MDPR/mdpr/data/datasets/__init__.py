"""Person re-identification data sets, in fast-reid's registry once this package is imported."""

from mdpr.data.datasets.cuhk03np import CUHK03NP
from mdpr.data.datasets.duke import DukeMTMC, OccludedDuke
from mdpr.data.datasets.image_folder import ImageFolderReID
from mdpr.data.datasets.market1501 import Market1501
from mdpr.data.datasets.msmt17 import MSMT17
from mdpr.data.datasets.synergyreid import SynergyReID
from mdpr.data.datasets.synth_persons import SynthPersons, SynthPersonsXL, SynthPersonsXLOther

__all__ = [
    "CUHK03NP",
    "MSMT17",
    "DukeMTMC",
    "ImageFolderReID",
    "Market1501",
    "OccludedDuke",
    "SynergyReID",
    "SynthPersons",
    "SynthPersonsXL",
    "SynthPersonsXLOther",
]
