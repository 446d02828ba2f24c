"""`python -m tests.push.plain_worker`: the stream worker, with four push channels that speak to `tests.push.fakes.plain`."""

from streams import worker
from streams.push import config

PLAIN = ("fcm", "huawei", "xiaomi", "oppo")

if __name__ == "__main__":
    config.MODULES.update(dict.fromkeys(PLAIN, "tests.push.fakes.plain"))
    worker.main()
