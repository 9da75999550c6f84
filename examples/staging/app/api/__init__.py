"""The staging example: an API over zones, a worker that takes jobs from redis, and a beat that enqueues them."""
