-- cancel: waiting, retry, running → cancelled. Request: task_id. Reply: done, record (see `view`); neither for an unknown id.
local id = request.task_id
local r = load(id)
if not r then return reply({}) end
if IS_OUTSTANDING[r.state] then
  leave_waiting(id, r)
  redis.call('ZREM', RUNNING, id)
  redis.call('ZREM', RETRY, id)
  to_final(id, r, 'cancelled', {})
end
return reply({done = r.state == 'cancelled', record = (view(id))})
