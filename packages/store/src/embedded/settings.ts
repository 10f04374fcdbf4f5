/** PostgreSQL's settings for one small, private server. Measured effects stand beside those that are not obvious. */
export function settingsOf(socketDir: string, maxConnections: number): Readonly<Record<string, string>> {
  return {
    listen_addresses: "",
    unix_socket_directories: socketDir,
    max_connections: String(maxConnections),
    shared_buffers: "32MB",
    // No pool of I/O worker processes.
    io_method: "sync",
    fsync: "on",
    synchronous_commit: "on",
    // Nobody replicates from it.
    wal_level: "minimal",
    max_wal_senders: "0",
    max_wal_size: "256MB",
    min_wal_size: "32MB",
    max_parallel_workers_per_gather: "0",
    jit: "off",
    log_timezone: "UTC",
    timezone: "UTC",
    log_line_prefix: "%m ",
    logging_collector: "off",
    cluster_name: "hanzo-fn",
  };
}
