"""The embedded demo stack: servers, seeded data, planted faults and a little life."""
