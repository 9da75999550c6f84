CREATE EXTENSION postgis;
CREATE EXTENSION postgis_topology;
