/* The daemon's settings: section `ternd` of ternd.conf, or `charon` of a strongswan.conf. */
#pragma once

#include "conf/problems.h"
#include "conf/tree.h"
#include "wire/wire.h"

struct settings {
	uint32_t retransmit_tries;          /* 5 */
	uint64_t retransmit_timeout_ms;     /* 4000 */
	double retransmit_base;             /* 1.8 */
	uint32_t retransmit_jitter_percent; /* 0 */
	uint64_t retransmit_limit_ms;       /* 0: none */
	uint64_t retry_wait_s;              /* 2 */
	uint64_t retry_wait_max_s;          /* 120 */
	uint32_t retry_jitter_percent;      /* 30 */
	uint64_t half_open_timeout_s;       /* 30 */
	uint64_t delete_rekeyed_delay_s;    /* 5; 0: none */
	uint32_t cookie_threshold;          /* 10; 0: never */
	uint32_t cookie_threshold_ip;       /* 3; 0: never */
	uint32_t block_threshold;           /* 5; 0: never */
	uint32_t half_open_max;             /* 20000; 0: none; init_limit_half_open */
	uint32_t ikesa_limit;               /* 0: none */
	uint32_t fragment_size;             /* 1280 */
	uint32_t max_packet;                /* 10000 */
	uint16_t port, port_nat_t;          /* 500, 4500 */
	bool follow_redirects;              /* yes */
	struct gateway redirect_to;         /* none */
	uint64_t redirect_close_s;          /* 0: never */
	bool inactivity_close_ike;          /* no */
	uint64_t keep_alive_s;              /* 20; 0: off */
	bool install_routes;                /* yes */
	bool install_virtual_ip;            /* yes */
	uint32_t routing_table;             /* 221, ours; strongSwan's is 220 */
	uint32_t routing_table_ports;       /* 222 */
	uint32_t routing_table_drop;        /* 223 */
	uint32_t routing_table_prio;        /* 221 */
	bool send_vendor_id;                /* no */
	bool signature_authentication;      /* yes */
	bool multiple_authentication;       /* yes */
	bool resumption;                    /* no */
	bool rsa_pss;                       /* no */
	bool prefer_configured_proposals;   /* yes */
	enum { DATA_PLANE_AUTO, DATA_PLANE_USER, DATA_PLANE_KERNEL } data_plane;
	bool quick_crash_detection; /* yes */
	bool return_routability;    /* yes */
	bool nat_traversal;         /* yes */
	bool cisco_unity;           /* no */
	uint32_t peer_addresses;    /* 8 */
	char state_dir[256];        /* "/var/lib/tern" */
	bool resolve;               /* yes: name servers that peers give are asked */
	char resolve_file[256];     /* "": what is there, else /etc/resolv.conf */
	char resolve_program[256];  /* one like resolvconf; "": what is there */
	char vici_path[108]; /* "/run/tern/vici.sock"; from plugins.vici.socket or vici.socket,
				without unix:// */
};

void settings_default(struct settings *ret_settings);

/* Returns 0 (also with warnings), -ENOENT where the file is not there (no problem is added: the
 * caller knows whether it must be), -EINVAL with errors; what is good is set in any case. */
int settings_load(const char *path, struct settings *ret_settings, struct problems *problems);

/* From the section itself (`ternd` or `charon`; NULL: defaults only). */
int settings_read(
	const struct tree_node *section, struct settings *ret_settings, struct problems *problems);
