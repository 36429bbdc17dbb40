-- watch: answers the record; if it has not ended, adds the channel to its listeners. ARGV: offset, id, channel ('' only reads)
local id, channel = ARGV[2], ARGV[3]
local answer = view(id)
if not answer then return {now} end
if channel ~= '' and IS_OUTSTANDING[answer[1]] then
  local listeners = redis.call('HGET', record_key(id), 'listeners') or ''
  if not string.find(' ' .. listeners .. ' ', ' ' .. channel .. ' ', 1, true) then
    redis.call('HSET', record_key(id), 'listeners', listeners .. ' ' .. channel)
  end
end
return {now, unpack(answer)}
