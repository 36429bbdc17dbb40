-- own: whose keys these are. ARGV: offset, the key of the owner's mark, installation ('' marks nothing), schema ; answers owner ('' for
-- nobody) and schema. A mark or a schema that is there already stays.
if ARGV[3] ~= '' then redis.call('SET', ARGV[2], ARGV[3], 'NX') end
redis.call('SET', key('schema'), ARGV[4], 'NX')
return {now, redis.call('GET', ARGV[2]) or '', tonumber(redis.call('GET', key('schema')))}
