//! The queue keeps a bit for each timer.
use folkmoot_agents::{Agent, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
}

#[rustfmt::skip]
#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[every(hours = 1)] fn t0(&self) {}
    #[every(hours = 1)] fn t1(&self) {}
    #[every(hours = 1)] fn t2(&self) {}
    #[every(hours = 1)] fn t3(&self) {}
    #[every(hours = 1)] fn t4(&self) {}
    #[every(hours = 1)] fn t5(&self) {}
    #[every(hours = 1)] fn t6(&self) {}
    #[every(hours = 1)] fn t7(&self) {}
    #[every(hours = 1)] fn t8(&self) {}
    #[every(hours = 1)] fn t9(&self) {}
    #[every(hours = 1)] fn t10(&self) {}
    #[every(hours = 1)] fn t11(&self) {}
    #[every(hours = 1)] fn t12(&self) {}
    #[every(hours = 1)] fn t13(&self) {}
    #[every(hours = 1)] fn t14(&self) {}
    #[every(hours = 1)] fn t15(&self) {}
    #[every(hours = 1)] fn t16(&self) {}
    #[every(hours = 1)] fn t17(&self) {}
    #[every(hours = 1)] fn t18(&self) {}
    #[every(hours = 1)] fn t19(&self) {}
    #[every(hours = 1)] fn t20(&self) {}
    #[every(hours = 1)] fn t21(&self) {}
    #[every(hours = 1)] fn t22(&self) {}
    #[every(hours = 1)] fn t23(&self) {}
    #[every(hours = 1)] fn t24(&self) {}
    #[every(hours = 1)] fn t25(&self) {}
    #[every(hours = 1)] fn t26(&self) {}
    #[every(hours = 1)] fn t27(&self) {}
    #[every(hours = 1)] fn t28(&self) {}
    #[every(hours = 1)] fn t29(&self) {}
    #[every(hours = 1)] fn t30(&self) {}
    #[every(hours = 1)] fn t31(&self) {}
    #[every(hours = 1)] fn t32(&self) {}
    #[every(hours = 1)] fn t33(&self) {}
    #[every(hours = 1)] fn t34(&self) {}
    #[every(hours = 1)] fn t35(&self) {}
    #[every(hours = 1)] fn t36(&self) {}
    #[every(hours = 1)] fn t37(&self) {}
    #[every(hours = 1)] fn t38(&self) {}
    #[every(hours = 1)] fn t39(&self) {}
    #[every(hours = 1)] fn t40(&self) {}
    #[every(hours = 1)] fn t41(&self) {}
    #[every(hours = 1)] fn t42(&self) {}
    #[every(hours = 1)] fn t43(&self) {}
    #[every(hours = 1)] fn t44(&self) {}
    #[every(hours = 1)] fn t45(&self) {}
    #[every(hours = 1)] fn t46(&self) {}
    #[every(hours = 1)] fn t47(&self) {}
    #[every(hours = 1)] fn t48(&self) {}
    #[every(hours = 1)] fn t49(&self) {}
    #[every(hours = 1)] fn t50(&self) {}
    #[every(hours = 1)] fn t51(&self) {}
    #[every(hours = 1)] fn t52(&self) {}
    #[every(hours = 1)] fn t53(&self) {}
    #[every(hours = 1)] fn t54(&self) {}
    #[every(hours = 1)] fn t55(&self) {}
    #[every(hours = 1)] fn t56(&self) {}
    #[every(hours = 1)] fn t57(&self) {}
    #[every(hours = 1)] fn t58(&self) {}
    #[every(hours = 1)] fn t59(&self) {}
    #[every(hours = 1)] fn t60(&self) {}
    #[every(hours = 1)] fn t61(&self) {}
    #[every(hours = 1)] fn t62(&self) {}
    #[every(hours = 1)] fn t63(&self) {}
    #[every(hours = 1)] fn t64(&self) {}
    #[every(hours = 1)] fn t65(&self) {}
}

fn main() {}
