//! kopnams
pub mod apply;
pub mod cli;
pub mod controller;
pub mod desired;
pub mod live;
pub mod plan;
pub mod policy;
pub mod request;
pub mod review;
pub mod status;
