import os

from .bulk_fetch import FetchPlan as FetchPlan
from .bulk_fetch import fetch_many as fetch_many
from .bulk_fetch import plan_fetch as plan_fetch
from .bulk_fetch import prefetch as prefetch
from .bulk_fetch import run_plan as run_plan
from .cache_access import BRAINIO_SHARED as BRAINIO_SHARED
from .cache_access import get_local_data_path as get_local_data_path
from .entry_files import ExpectedFile as ExpectedFile
from .entry_files import ensure_cached as ensure_cached
from .entry_files import fetch_entry as fetch_entry
from .load import get_assembly as get_assembly
from .load import get_stimulus_set as get_stimulus_set
from .load import resolve_assembly_class as resolve_assembly_class
from .single_files import BotoFetcher as BotoFetcher
from .single_files import fetch_file as fetch_file
from .single_files import unzip as unzip
from .single_files import verify_sha1 as verify_sha1
from .stimulus_sets import StimulusSetLoader as StimulusSetLoader
from .stimulus_sets import load_stimulus_files as load_stimulus_files
from .stimulus_sets import resolve_stimulus_set_class as resolve_stimulus_set_class

_local_data_path: str | os.PathLike[str] | None
