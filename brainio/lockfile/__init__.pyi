from .locking import plan_locked as plan_locked
from .locking import use_lock as use_lock
from .recording import record_lock as record_lock
