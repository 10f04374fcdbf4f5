package server

import "testing"

func TestTheMemoryLimitOfEveryKindOfGroup(t *testing.T) {
	for name, one := range map[string]struct {
		files map[string]string
		limit int64
	}{
		"version 2": {map[string]string{
			"/proc/self/cgroup":                 "0::/hanzo/f\n",
			"/sys/fs/cgroup/hanzo/f/memory.max": "268435456\n",
		}, 268435456},
		"version 2 in a container": {map[string]string{
			"/proc/self/cgroup":         "0::/\n",
			"/sys/fs/cgroup/memory.max": "134217728\n",
		}, 134217728},
		"version 1": {map[string]string{
			"/proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/a/b\n0::/\n",
			"/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "67108864\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes":     "9223372036854771712\n",
		}, 67108864},
		"no limit": {map[string]string{
			"/proc/self/cgroup":                           "4:memory:/\n0::/\n",
			"/sys/fs/cgroup/memory.max":                   "max\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 0},
		"no groups": {map[string]string{}, 0},
	} {
		if limit := memoryLimit(func(path string) string { return one.files[path] }); limit != one.limit {
			t.Errorf("%s: %d", name, limit)
		}
	}
}
