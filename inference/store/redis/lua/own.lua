-- own: whose keys these are. Request: owner_key, installation ('' marks nothing), schema. Reply: owner ('' for nobody), schema.
-- A mark or a schema that is there already stays.
if request.installation ~= '' then redis.call('SET', request.owner_key, request.installation, 'NX') end
redis.call('SET', key('schema'), request.schema, 'NX')
return reply({owner = redis.call('GET', request.owner_key) or '', schema = tonumber(redis.call('GET', key('schema')))})
