"""*Workers and models*: what the devices do, and what the models cost."""

from scripts.dashboards import canaries
from scripts.dashboards.panels import Dashboard, Kind, Panel, Query, Row, quantiles_of_pools
from scripts.dashboards.promql import (
    NAMESPACE,
    POOL,
    PROGRAMS,
    mean,
    mean_of_the_living,
    parts,
    quantile,
    rate,
    stored,
    total,
)

LIVE = total("prediction_workers", 'state!="draining"')

_DEVICES = Row(
    "Devices",
    (
        Panel(
            "Device busy",
            "percentunit",
            "Of the time of a pool's workers, the share in which the model ran.",
            "near 1 the pool is full: add workers. Low while work waits: batches are small, or"
            " preparing takes"
            " long.",
            (Query(f"{rate('worker_run_seconds_sum', 'model')} / {LIVE}", "{{model}}"),),
            top=1,
        ),
        Panel(
            "What workers do",
            "short",
            "How many workers load, idle, are busy or drain, on average, by their own clocks.",
            "much `loading` is restarts or scaling up and down too often. Much `idle` is paid"
            " for nothing.",
            (Query(rate("worker_state_seconds_total", "state"), "{{state}}"),),
            stacked=True,
        ),
        Panel(
            "GPU in use",
            "percentunit",
            "NVML's utilisation of each GPU. There is none without a GPU.",
            "low while the device is busy: the model computes on the CPU, or its batches are"
            " too small.",
            (
                Query(
                    f"max by (pod, gpu) (worker_gpu_utilization_ratio{{{POOL}}})", "{{pod}} {{gpu}}"
                ),
            ),
            top=1,
        ),
    ),
)
_BATCHES = Row(
    "Batches",
    (
        Panel(
            "Rows of a batch",
            "short",
            "Rows that a model ran at once, by pool.",
            "far below `batch.maxSize` while work waits: raise `batch.maxWaitMs` a little.",
            (
                Query(mean("worker_batch_rows", "model"), "{{model}} mean"),
                Query(quantile(0.95, "worker_batch_rows", "model"), "{{model}} p95"),
            ),
        ),
        Panel(
            "Time of a batch",
            "s",
            "The mean time to wait for a fuller batch, to prepare it and to run it.",
            "preparing that takes long is images that are fetched. Running that grows is the"
            " model or its"
            " device.",
            tuple(
                Query(mean(f"worker_{part}_seconds", "model"), f"{{{{model}}}} {said}")
                for part, said in (
                    ("batch_assembly", "assembly"),
                    ("prepare", "prepare"),
                    ("run", "run"),
                )
            ),
        ),
        Panel(
            "Time to run",
            "s",
            "How long the model took for a batch, by pool.",
            "p95 near the run limit will be stopped. Raise `runLimitSeconds`, or make batches"
            " smaller.",
            quantiles_of_pools("worker_run_seconds", 0.5, 0.95, 0.99),
        ),
        Panel(
            "Predictions of a claim",
            "short",
            "Predictions that a worker took at once; each may have several rows.",
            "1 while work waits: `batch.maxSize` is 1, or predictions run alone after a failure.",
            (Query(mean("worker_batch_records", "model"), "{{model}}"),),
        ),
        Panel(
            "Batches that did not fit",
            "ops",
            "Batches that were too large for the device's memory and ran in halves.",
            "lower `batch.maxSize`, since each of these runs twice.",
            (Query(rate("worker_batches_halved_total", "model"), "{{model}}"),),
        ),
        Panel(
            "Predictions a second",
            "ops",
            "Predictions that workers ended, by pool and end.",
            "`failure` and `retry` are told on *Failures*. `invalid_input` is the callers'"
            " mistake.",
            (Query(rate("worker_predictions_total", "model", "state"), "{{model}} {{state}}"),),
            stacked=True,
        ),
    ),
)
_VERSIONS = Row(
    "Versions and starts",
    (
        Panel(
            "Versions",
            "short",
            "Workers by the version that they serve.",
            "two versions for long: a worker could not load the new one. `/monitoring/workers`"
            " says why.",
            (
                Query(
                    parts("prediction_workers_by_version", "model", "version"),
                    "{{model}} version {{version}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Time of a start",
            "s",
            "The mean time of each phase of a start, of the workers that run now.",
            "`download`: mount a cache of models. `load`, `warm_up`: the model's own."
            " `registry`: it was away.",
            (Query(mean_of_the_living("worker_start_seconds", "phase"), "{{phase}}"),),
            stacked=True,
        ),
        Panel(
            "Cold starts",
            "s",
            "How long the oldest prediction of a new worker's first batch had waited for that"
            " worker.",
            "keep a worker (`autoscaling.minReplicas: 1`) where callers can't wait so long.",
            (Query(mean_of_the_living("worker_cold_start_seconds", "model"), "{{model}}"),),
        ),
        Panel(
            "Model processes replaced",
            "ops",
            "How often a worker's model process was replaced, by cause.",
            "`died`: the model or the kernel killed it, see the worker's log. `memory`: the"
            " model leaks."
            " `version`: as it should be.",
            (Query(rate("worker_child_restarts_total", "model", "cause"), "{{model}} {{cause}}"),),
        ),
        Panel(
            "Models served",
            "bool_yes_no",
            "Whether the gateways take predictions for a pool, and whether an operator paused it.",
            "not served: the registry or the version is wrong, `/readyz` has the `problem`."
            " Paused: `POST /models/NAME/resume` lets it go on.",
            (
                Query(f"min by (model) (prediction_model_served{{{POOL}}})", "{{model}} served"),
                Query(stored("prediction_model_paused"), "{{model}} paused"),
            ),
            top=1,
        ),
        Panel(
            "Workers",
            "short",
            "Each worker with its version and device.",
            "`cpu` where there should be a GPU: check `gpu.count` and the image's torch.",
            (
                Query(
                    f"max by (pod, model, version, device) (worker_model_info{{{POOL}}})",
                    "{{pod}} {{model}} version {{version}} on {{device}}",
                ),
            ),
            Kind.TABLE,
        ),
    ),
)
_MEMORY = Row(
    "Memory and CPU",
    (
        Panel(
            "Memory of the model's process",
            "bytes",
            "Resident memory of the process that holds the model, by pod.",
            "if it grows without end the model leaks: set `MODEL_MEMORY_MAX_BYTES`.",
            (
                Query(
                    f"max by (pod) (worker_child_process_resident_memory_bytes{{{NAMESPACE}}})",
                    "{{pod}}",
                ),
            ),
        ),
        Panel(
            "CPU of the model's process",
            "short",
            "Cores that the model's process uses, by pod.",
            "at the pod's limit the model is throttled: raise `resources.limits.cpu`, or drop"
            " that limit.",
            (
                Query(
                    rate("worker_child_process_cpu_seconds_total", "pod", scope=NAMESPACE),
                    "{{pod}}",
                ),
            ),
        ),
        Panel(
            "Memory of the GPU",
            "percentunit",
            "Used of each GPU's memory. There is none without a GPU.",
            "near 1 a batch may not fit: lower `batch.maxSize`, or give the pool a larger GPU.",
            (
                Query(
                    f"max by (pod, gpu) (worker_gpu_memory_used_bytes{{{POOL}}}"
                    f" / worker_gpu_memory_total_bytes{{{POOL}}})",
                    "{{pod}} {{gpu}}",
                ),
            ),
            top=1,
        ),
        Panel(
            "Memory of gateways and workers",
            "bytes",
            "Resident memory of the gateways and of the workers' parents, by pod.",
            "a gateway near its limit parses large bodies: see `RECEIVING_MAX_BYTES`.",
            (
                Query(
                    f"max by (pod) (process_resident_memory_bytes{{{PROGRAMS}}})",
                    "{{pod}}",
                ),
            ),
        ),
        Panel(
            "CPU of gateways and workers",
            "short",
            "Cores that the gateways and the workers' parents use, by pod.",
            "a gateway at a whole core is full, since it is one process: add gateways.",
            (
                Query(
                    rate("process_cpu_seconds_total", "pod", scope=PROGRAMS),
                    "{{pod}}",
                ),
            ),
        ),
        Panel(
            "Open files",
            "short",
            "Open descriptors of the gateways and of the workers' parents, by pod.",
            "if it grows without end a connection leaks: tell us, with the log.",
            (Query(f"max by (pod) (process_open_fds{{{PROGRAMS}}})", "{{pod}}"),),
        ),
    ),
)
DASHBOARD = Dashboard(
    "workers-and-models",
    "Inference: workers and models",
    "What the devices do, how batches are filled, which versions run, and what starts and"
    " memory cost.",
    (_DEVICES, _BATCHES, _VERSIONS, _MEMORY, canaries.ROW),
)
