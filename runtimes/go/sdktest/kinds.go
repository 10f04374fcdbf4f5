package sdktest

import "encoding/json"

func (p *Platform) runHash(given *command) (any, *refused) {
	found, failed := p.of(given.Key, "hash")
	if failed != nil {
		return nil, failed
	}
	if given.Op == "hset" {
		return p.hset(given, found)
	}
	if found == nil {
		found = &entry{}
	}
	switch given.Op {
	case "hget":
		if data, there := found.hash[given.Field]; there {
			return encode(data), nil
		}
		return nil, nil
	case "hgetall":
		all := map[string]wireValue{}
		for field, data := range found.hash {
			all[field] = encode(data)
		}
		return all, nil
	}
	return p.hdel(given, found)
}

func (p *Platform) hset(given *command, found *entry) (any, *refused) {
	var fields map[string]wireValue
	if err := json.Unmarshal(given.Fields, &fields); err != nil {
		return nil, refuse(400, "bad_request", "%v", err)
	}
	if found == nil {
		found = &entry{hash: map[string][]byte{}}
		p.keys[given.Key] = found
	}
	added := 0
	for field, value := range fields {
		data, failed := decode(value)
		if failed != nil {
			return nil, failed
		}
		if _, there := found.hash[field]; !there {
			added++
		}
		found.hash[field] = data
	}
	return added, nil
}

func (p *Platform) hdel(given *command, found *entry) (any, *refused) {
	var fields []string
	if err := json.Unmarshal(given.Fields, &fields); err != nil {
		return nil, refuse(400, "bad_request", "%v", err)
	}
	gone := 0
	for _, field := range fields {
		if _, there := found.hash[field]; there {
			gone++
			delete(found.hash, field)
		}
	}
	if len(found.hash) == 0 {
		delete(p.keys, given.Key)
	}
	return gone, nil
}

func (p *Platform) runList(given *command) (any, *refused) {
	found, failed := p.of(given.Key, "list")
	if failed != nil {
		return nil, failed
	}
	if given.Op == "lpush" || given.Op == "rpush" {
		return p.push(given, found)
	}
	if found == nil {
		if given.Op == "llen" {
			return 0, nil
		}
		return nil, nil
	}
	last := len(found.list) - 1
	var data []byte
	switch given.Op {
	case "llen":
		return len(found.list), nil
	case "lpop":
		data, found.list = found.list[0], found.list[1:]
	case "rpop":
		data, found.list = found.list[last], found.list[:last]
	}
	if len(found.list) == 0 {
		delete(p.keys, given.Key)
	}
	return encode(data), nil
}

func (p *Platform) push(given *command, found *entry) (any, *refused) {
	if found == nil {
		found = &entry{list: [][]byte{}}
	}
	for _, value := range given.Values {
		data, failed := decode(value)
		if failed != nil {
			return nil, failed
		}
		if given.Op == "lpush" {
			found.list = append([][]byte{data}, found.list...)
		} else {
			found.list = append(found.list, data)
		}
	}
	if len(found.list) > 0 {
		p.keys[given.Key] = found
	}
	return len(found.list), nil
}
