-- Raises the guess by the tickets just published. ARGV: offset, published ; answers how many are missing still.
if tonumber(ARGV[2]) > 0 then redis.call('HINCRBY', META, 'tickets', ARGV[2]) end
return {now, shortage(known_batch())}
