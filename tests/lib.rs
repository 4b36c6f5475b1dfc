//! Tests of the whole system: the order of the house (`tidy/`), the running system (`journeys/`), and checks by stock
//! clients that link none of our code (`outside/`).
