-- The numbers of a queue. Request: nothing. Reply: the fields of `QueueCounts`.
local first = redis.call('ZRANGE', WAITING, 0, 0)[1]
local created = first and tonumber(redis.call('HGET', record_key(first), 'created'))
local meta = redis.call('HMGET', META, 'tickets', 'drift', 'bytes', 'dead_bytes', 'rate')
return reply({
  waiting = redis.call('ZCARD', WAITING),
  running = redis.call('ZCARD', RUNNING),
  retry = redis.call('ZCARD', RETRY),
  outstanding = redis.call('ZCARD', OUTSTANDING),
  oldest_waiting_ms = created and math.max(0, now - created) or 0,
  dead_letters = redis.call('ZCARD', DEAD),
  tickets = tonumber(meta[1]) or 0,
  drift = tonumber(meta[2]) or 0,
  outstanding_bytes = tonumber(meta[3]) or 0,
  dead_letter_bytes = tonumber(meta[4]) or 0,
  rate = tonumber(meta[5]) or 0,
  paused = paused(),
})
