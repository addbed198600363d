from .sessions import plan_locked as plan_locked
from .sessions import record_lock as record_lock
from .sessions import use_lock as use_lock
