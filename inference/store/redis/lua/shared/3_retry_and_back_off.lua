-- What a run that ended badly costs its record, and when it is tried again.

-- A run that ended badly, for whoever finds the record among the dead letters: a line of JSON each.
local function note_run(id, r, charged, error_json, version)
  local entry = string.format('{"epoch":%d,"worker":%s,"version":%s,"began_ms":%.0f,"ended_ms":%.0f,"batch":%d,"charged":%s,"error":%s}',
    r.epoch, cjson.encode(r.worker), cjson.encode(version), r.begun, now, r.named, tostring(charged), error_json ~= '' and error_json or 'null')
  local before = redis.call('HGET', record_key(id), 'history')
  redis.call('HSET', record_key(id), 'history', before and before .. '\n' .. entry or entry)
end

-- The one place that decides what a run that ended badly costs. `retry`: max_attempts, base_ms, cap_ms, jitter in [0, 1).
local function fail(id, r, permanent, own, error_json, retry, version)
  redis.call('ZREM', RUNNING, id)
  if r.begun == 0 then
    to_waiting(id, r)
    return 'waiting'
  end
  local alone = r.named == 1
  note_run(id, r, (alone or own) and (alone or not permanent), error_json, version)
  if not alone and not own then
    to_waiting(id, r, {suspect = '1'})
    return 'waiting'
  end
  local attempts = r.attempts
  if alone or not permanent then attempts = attempts + 1 end
  if permanent or attempts >= retry.max_attempts then
    to_final(id, r, 'failure', {error = error_json, attempts = attempts})
    return 'failure'
  end
  local ceiling = math.min(retry.cap_ms, retry.base_ms * 2 ^ (attempts - 1))
  local spread = (retry.jitter + r.seq * 0.618034) % 1
  change(id, r, 'retry', {error = error_json, attempts = attempts})
  redis.call('HDEL', record_key(id), 'claim', 'named', 'begun', 'worker')
  redis.call('ZADD', RETRY, now + math.floor(ceiling * spread), id)
  return 'retry'
end

-- The runs that this step ended badly, for those who look on (rule 14): what `tell_run` told.
local bad_runs = {}

-- Tells of a run that `fail` ended just now; `r` is the record as it is since then.
local function tell_run(id, r)
  local told = read(record_key(id), {'trace', 'span', 'request'})
  local due = r.state == 'retry' and redis.call('ZSCORE', RETRY, id) or 0
  for _, value in ipairs({'task_id', id, 'state', r.state, 'began', r.begun, 'attempts', r.attempts, 'worker', r.worker,
                          'due_in', math.max(0, tonumber(due) - now)}) do told[#told + 1] = value end
  bad_runs[#bad_runs + 1] = told
end
