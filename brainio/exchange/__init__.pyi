from .citations import cite as cite
from .exports import export as export
