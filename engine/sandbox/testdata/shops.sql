-- Four tables of a shop application with many tenants, and its writer.

CREATE TABLE stores (
    store_id bigserial PRIMARY KEY,
    name     text NOT NULL
);
CREATE TABLE products (
    store_id   bigint NOT NULL,
    product_id bigserial,
    name       text NOT NULL,
    price      numeric(10, 2) NOT NULL CHECK (price > 0),
    PRIMARY KEY (store_id, product_id),
    CONSTRAINT products_store_id_fkey FOREIGN KEY (store_id) REFERENCES stores (store_id)
);
CREATE TABLE orders (
    store_id   bigint NOT NULL,
    order_id   bigserial,
    ordered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store_id, order_id),
    CONSTRAINT orders_store_id_fkey FOREIGN KEY (store_id) REFERENCES stores (store_id)
);
CREATE INDEX orders_ordered_at_idx ON orders (ordered_at DESC) WHERE store_id > 0;
CREATE TABLE line_items (
    store_id     bigint NOT NULL,
    line_item_id bigserial,
    order_id     bigint NOT NULL,
    product_id   bigint NOT NULL,
    quantity     int NOT NULL,
    line_amount  numeric(10, 2) NOT NULL,
    PRIMARY KEY (store_id, line_item_id),
    CONSTRAINT line_items_store_id_fkey FOREIGN KEY (store_id) REFERENCES stores (store_id),
    CONSTRAINT line_items_products_fkey FOREIGN KEY (store_id, product_id) REFERENCES products (store_id, product_id),
    CONSTRAINT line_items_orders_fkey FOREIGN KEY (store_id, order_id) REFERENCES orders (store_id, order_id)
);

INSERT INTO stores (name) SELECT 'store ' || n FROM generate_series(1, 40) n;
INSERT INTO products (store_id, name, price) SELECT s, 'product ' || n, n FROM generate_series(1, 40) s, generate_series(1, 10) n;

-- create_orders writes a batch in one transaction, row by row, two line items an order. Every third order is for store 5. It
-- calls nextval before it inserts, which is what deadlocks with whoever locks the table before its sequence.
CREATE FUNCTION create_orders(batch_size int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    stores_now bigint := (SELECT count(*) FROM stores);
    store bigint;
    id bigint;
BEGIN
    FOR i IN 1 .. batch_size LOOP
        store := CASE WHEN i % 3 = 0 THEN 5 ELSE 1 + i % stores_now END;
        id := nextval('orders_order_id_seq');
        INSERT INTO orders (store_id, order_id) VALUES (store, id);
        INSERT INTO line_items (store_id, order_id, product_id, quantity, line_amount)
        SELECT store, id, product_id, 2, 2 * price FROM products WHERE store_id = store ORDER BY product_id LIMIT 2;
    END LOOP;
END $$;

SELECT create_orders(1000);
