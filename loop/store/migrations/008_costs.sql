-- What each finished training run used and cost. An amount that is not known is null, never 0.
create table costs (
    run varchar primary key,
    device varchar not null,
    device_seconds double not null,
    tokens bigint not null,
    peak_bytes bigint not null,
    kwh double,
    energy_source varchar not null,
    grams_co2e double,
    amount double,
    currency varchar not null,
    rate double
);
