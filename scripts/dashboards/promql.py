"""The few shapes of PromQL that the panels are made of.

A counter or a histogram is counted by each process by itself, so it is summed. The store's numbers
are the same at every gateway, so the highest is taken: a sum would count them once a replica.
"""

POOL = 'namespace="$namespace", model=~"$model"'
"""The series of the pools that are chosen."""

NAMESPACE = 'namespace="$namespace"'
"""The series without a pool."""

PROGRAMS = 'namespace="$namespace", container=~"api|worker"'
"""The processes of gateways and of workers' parents."""

EACH_RATE = "[$__rate_interval]"


def matching(scope: str, where: str) -> str:
    """Returns a selector of both."""
    return f"{{{scope}, {where}}}" if where else f"{{{scope}}}"


def rate(metric: str, *by: str, where: str = "", scope: str = POOL) -> str:
    """Per second, over all processes."""
    return f"sum by ({', '.join(by)}) (rate({metric}{matching(scope, where)}{EACH_RATE}))"


def increase(metric: str, *by: str, where: str = "", scope: str = POOL) -> str:
    """How many within the time that the dashboard shows."""
    return f"sum by ({', '.join(by)}) (increase({metric}{matching(scope, where)}[$__range]))"


def stored(metric: str, *by: str, where: str = "") -> str:
    """A number of the store's, as the gateway says that looked last."""
    return f"max by ({', '.join(by or ('model',))}) ({metric}{matching(POOL, where)})"


def parts(metric: str, *by: str, where: str = "") -> str:
    """Numbers of the store's that are read as one whole, such as the workers by state.

    Gateways look at different moments, and the highest of each state would count a worker twice
    that one gateway saw idle and the next one busy. A mean does not.
    """
    return f"avg by ({', '.join(by)}) ({metric}{matching(POOL, where)})"


def total(metric: str, where: str) -> str:
    """A sum of the store's numbers of each pool, made of what one gateway saw."""
    return f"max by (model) (sum by (model, pod) ({metric}{matching(POOL, where)}))"


def quantile(share: float, metric: str, *by: str, where: str = "", scope: str = POOL) -> str:
    """The value of a histogram below which a share of the events was."""
    buckets = rate(f"{metric}_bucket", "le", *by, where=where, scope=scope)
    return f"histogram_quantile({share}, {buckets})"


def mean(metric: str, *by: str, where: str = "", scope: str = POOL) -> str:
    """The mean of a histogram."""
    total, count = (
        rate(f"{metric}_{part}", *by, where=where, scope=scope) for part in ("sum", "count")
    )
    return f"{total} / {count}"


def mean_of_the_living(metric: str, *by: str) -> str:
    """The mean of what each process that runs now has seen since it started.

    A start is over by the first scrape of its process, and a rate would miss it.
    """
    sums, counts = (
        f"sum by ({', '.join(by)}) ({metric}_{part}{{{POOL}}})" for part in ("sum", "count")
    )
    return f"{sums} / {counts}"


def of_keda(metric: str, *by: str) -> str:
    """A metric of KEDA's for the pools chosen.

    Where Prometheus scrapes KEDA without `honorLabels`, KEDA's label `namespace` is called
    `exported_namespace`, and the other one is the namespace that KEDA runs in.
    """
    which = 'scaledObject=~".+-worker-($model)"'
    both = " or ".join(
        f'{metric}{{{label}="$namespace", {which}}}'
        for label in ("exported_namespace", "namespace")
    )
    return f"max by ({', '.join(by or ('scaledObject',))}) ({both})"
