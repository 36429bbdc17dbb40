-- The numbers of a queue. ARGV: offset
-- answers waiting, running, retry, outstanding, age of the oldest waiting, dead, tickets, drift, bytes, dead_bytes, rate
local first = redis.call('ZRANGE', WAITING, 0, 0)[1]
local created = first and tonumber(redis.call('HGET', record_key(first), 'created'))
local meta = redis.call('HMGET', META, 'tickets', 'drift', 'bytes', 'dead_bytes', 'rate')
return {now, redis.call('ZCARD', WAITING), redis.call('ZCARD', RUNNING), redis.call('ZCARD', RETRY), redis.call('ZCARD', OUTSTANDING),
        created and math.max(0, now - created) or 0, redis.call('ZCARD', DEAD), tonumber(meta[1]) or 0, tonumber(meta[2]) or 0,
        tonumber(meta[3]) or 0, tonumber(meta[4]) or 0, tonumber(meta[5]) or 0}
