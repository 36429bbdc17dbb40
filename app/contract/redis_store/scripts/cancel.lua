-- cancel: waiting, retry, running → cancelled. ARGV: offset, id ; answers done, then the record's view.
local id = ARGV[2]
local r = load(id)
if not r then return {now} end
if IS_OUTSTANDING[r.state] then
  leave_waiting(id, r)
  redis.call('ZREM', RUNNING, id)
  redis.call('ZREM', RETRY, id)
  to_final(id, r, 'cancelled', {})
end
return {now, r.state == 'cancelled' and 1 or 0, unpack(view(id))}
