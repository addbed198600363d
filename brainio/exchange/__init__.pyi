from .citing import cite as cite
from .exporting import export as export
