-- replay: failure → waiting, a new epoch. ARGV: offset, id, epoch ; answers the epoch now running (0: another was named), tickets.
local id, epoch = ARGV[2], tonumber(ARGV[3])
local r = load(id)
if r and r.state ~= 'forgotten' and r.epoch == epoch + 1 then return {now, r.epoch, shortage(known_batch())} end
if not r or r.state ~= 'failure' or r.epoch ~= epoch then return {now, 0, 0} end
redis.call('ZREM', DEAD, id)
redis.call('HDEL', record_key(id), 'error', 'ended', 'run_ms')
r.suspect = '0'
redis.call('HINCRBY', META, 'dead_bytes', -r.bytes)
redis.call('HINCRBY', META, 'bytes', r.bytes)
to_waiting(id, r, {epoch = epoch + 1, attempts = 0, suspect = '0'})
redis.call('ZADD', OUTSTANDING, r.created, id)
return {now, epoch + 1, shortage(known_batch())}
