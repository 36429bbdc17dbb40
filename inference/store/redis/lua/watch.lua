-- watch: answers the record; if it has not ended, adds the channel to its listeners. Request: task_id, channel ('' only reads).
-- Reply: record (see `view`); nothing for an unknown id.
local id, channel = request.task_id, request.channel
local record, state = view(id)
if record and channel ~= '' and IS_OUTSTANDING[state] then
  local listeners = redis.call('HGET', record_key(id), 'listeners') or ''
  if not string.find(' ' .. listeners .. ' ', ' ' .. channel .. ' ', 1, true) then
    redis.call('HSET', record_key(id), 'listeners', listeners .. ' ' .. channel)
  end
end
return reply({record = record})
