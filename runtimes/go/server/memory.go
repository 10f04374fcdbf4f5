package server

import (
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// A part of the memory is left for what the garbage collector does not count: stacks of threads, mapped files, cgo.
const memoryShare = 0.9

// boundMemory tells the garbage collector how much memory the instance has, so that garbage is collected before the
// kernel ends the process. GOMEMLIMIT, where the user sets it, says so already.
func boundMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := memoryLimit(func(path string) string {
		text, _ := os.ReadFile(path)
		return string(text)
	})
	if limit > 0 {
		debug.SetMemoryLimit(int64(float64(limit) * memoryShare))
	}
}

// memoryLimit is the limit of the process's control group in bytes, by cgroups(7); 0 where there is none.
func memoryLimit(read func(path string) string) int64 {
	var candidates []string
	for _, line := range strings.Split(read("/proc/self/cgroup"), "\n") {
		_, rest, _ := strings.Cut(line, ":")
		controllers, path, found := strings.Cut(rest, ":")
		switch {
		case !found:
		case controllers == "":
			candidates = append(candidates, "/sys/fs/cgroup"+path+"/memory.max")
		case strings.Contains(","+controllers+",", ",memory,"):
			candidates = append(candidates, "/sys/fs/cgroup/memory"+path+"/memory.limit_in_bytes")
		}
	}
	// In a container the group is the root of what is mounted.
	candidates = append(candidates, "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
	smallest := int64(math.MaxInt64)
	for _, file := range candidates {
		limit, err := strconv.ParseInt(strings.TrimSpace(read(file)), 10, 64)
		if err == nil && limit > 0 {
			smallest = min(smallest, limit)
		}
	}
	// Version 1 has no limit as the largest number of whole pages.
	if smallest >= math.MaxInt64>>12<<12-1<<20 {
		return 0
	}
	return smallest
}
