import os

from .boto_fetcher import BotoFetcher as BotoFetcher
from .entries import fetch_entry as fetch_entry
from .files import WantedFile as WantedFile
from .files import fetch_file as fetch_file
from .files import local_file as local_file
from .files import unzip as unzip
from .files import verify_sha1 as verify_sha1
from .home import BRAINIO_SHARED as BRAINIO_SHARED
from .home import get_local_data_path as get_local_data_path
from .load import get_assembly as get_assembly
from .load import get_stimulus_set as get_stimulus_set
from .load import resolve_assembly_class as resolve_assembly_class
from .many import Plan as Plan
from .many import carry_out as carry_out
from .many import fetch_many as fetch_many
from .many import plan_fetch as plan_fetch
from .many import prefetch as prefetch
from .stimulus_sets import StimulusSetLoader as StimulusSetLoader
from .stimulus_sets import load_stimulus_files as load_stimulus_files
from .stimulus_sets import resolve_stimulus_set_class as resolve_stimulus_set_class

_local_data_path: str | os.PathLike[str] | None
